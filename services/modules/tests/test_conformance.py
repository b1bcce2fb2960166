from shared.testing.conformance import ServiceConformance


class TestModules(ServiceConformance):
    collections = ("/api/v1/modules/", "/api/v1/functions/")
