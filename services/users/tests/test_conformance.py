from shared.testing.conformance import ServiceConformance


class TestUsers(ServiceConformance):
    collections = ("/api/v1/users/",)
