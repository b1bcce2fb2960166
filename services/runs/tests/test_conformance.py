from shared.testing.conformance import ServiceConformance


class TestRuns(ServiceConformance):
    collections = ("/api/v1/runs/", "/api/v1/jobs/")
