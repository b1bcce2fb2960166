"""Any number of ids, in as many questions as fit a query string."""

IDS_PER_CALL_MAX = 500


def batches(ids: list[int]) -> list[list[int]]:
    return [ids[at : at + IDS_PER_CALL_MAX] for at in range(0, len(ids), IDS_PER_CALL_MAX)]
