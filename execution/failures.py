"""The ways a job can end early; each says who is to be told and how."""


class JobFailed(Exception):
    """The job cannot succeed: the text goes to its log, and its status becomes FAILED."""


class LeaseLost(Exception):
    """The job is somebody else's now, or canceled: stop it and report nothing."""


class GatewayTrouble(Exception):
    """The gateway did not give a definitive answer; ask again later."""


class GatewayRefusal(Exception):
    """The gateway said no, and asking again would not help."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.detail = detail
