"""Log lines, for people and for machines."""

import io
import json
import logging

from kaito.base.logs import JsonFormatter, LogfmtFormatter, facts


def _line(formatter: logging.Formatter, **fields: object) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger = logging.getLogger("kaito.test")
    logger.addHandler(handler)
    try:
        logger.warning("watch broke", extra=facts(**fields))
    finally:
        logger.removeHandler(handler)
    return stream.getvalue()


def test_fields_follow_the_message_and_are_quoted_where_they_must_be() -> None:
    line = _line(LogfmtFormatter(), resource="pods", error='no "x"')
    assert line.endswith(' kaito.test watch broke resource=pods error="no \\"x\\""\n')


def test_a_json_line_has_the_fields_beside_the_message() -> None:
    entry = json.loads(_line(JsonFormatter(), resource="pods"))
    assert (entry["level"], entry["message"], entry["resource"]) == (
        "warning",
        "watch broke",
        "pods",
    )
