from shared.testing.conformance import ServiceConformance


class TestFiles(ServiceConformance):
    collections = ("/api/v1/files/",)
