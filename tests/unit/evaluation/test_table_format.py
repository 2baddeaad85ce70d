"""Numbers as text for people."""

from touchline.evaluation import table_format


def test_what_is_undefined_is_a_dash_for_people():
    assert (
        table_format.format_number(None)
        == table_format.format_interval(None, None)
        == table_format.format_difference(None)
        == "–"
    )
    assert table_format.format_difference(-0.25, 2) == "−0.25"
    assert table_format.format_interval(0.1, 0.2, 1) == "0.1–0.2"
    assert table_format.format_number(0.1236, 3) == "0.124"
