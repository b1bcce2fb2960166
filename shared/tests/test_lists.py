import pytest
from starlette.datastructures import QueryParams

from shared.errors import InvalidFields
from shared.lists import NOT_A_CHOICE, fields_wanted, ids_wanted, narrowed


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", None),
        ("owner=", None),
        ("other=x", None),
        ("owner=7", [7]),
        ("owner=1,2,3", [1, 2, 3]),
        ("owner=1&owner=2", [2]),
        ("owner=007", [7]),
        ("owner=0", [0]),
        ("owner=99999999999999999999", []),
        ("owner=1,99999999999999999999", [1]),
    ],
)
def test_a_filter_by_id_is_read_as_the_contract_reads_it(
    query: str, expected: list[int] | None
) -> None:
    assert ids_wanted(QueryParams(query), "owner") == expected


@pytest.mark.parametrize("value", ["x", "-1", "1,", ",", "1.0", "٣", "/api/v1/users/1/", "9" * 101])
def test_a_filter_that_is_no_id_is_refused_on_its_name(value: str) -> None:
    with pytest.raises(InvalidFields) as refusal:
        ids_wanted(QueryParams({"owner": value}), "owner")
    assert refusal.value.faults == {"owner": [NOT_A_CHOICE]}


def test_fields_narrow_an_item_and_keep_its_order() -> None:
    known = ("id", "name", "owner")
    wanted = fields_wanted(QueryParams("fields=owner,id"), known)
    assert list(narrowed({"id": 1, "name": "n", "owner": "o"}, wanted)) == ["id", "owner"]
    assert fields_wanted(QueryParams(""), known) == set(known)
    assert fields_wanted(QueryParams("fields=,"), known) == set(known)
    assert fields_wanted(QueryParams("fields=id,,owner,"), known) == wanted


def test_a_field_nobody_knows_is_refused_by_name() -> None:
    with pytest.raises(InvalidFields) as refusal:
        fields_wanted(QueryParams("fields=id,secret"), ("id",))
    assert refusal.value.faults == {"fields": ["Unknown field: secret."]}
