from shared.testing.conformance import ServiceConformance


class TestPipelines(ServiceConformance):
    collections = ("/api/v1/pipelines/", "/api/v1/tasks/")
