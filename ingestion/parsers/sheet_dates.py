"""Convert Excel serial dates to ISO 8601 text, and back.

A serial counts days from 1900 or from 1904 (ECMA-376 part 1, 18.17.4.1); its fraction is the time of day, here to the
second. In the 1900 system 60 is 29 February 1900, which did not exist, and 0 is no day.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from ingestion.parsers.blocks import Array
from ingestion.parsers.sheet_styles import NumberDisplay

_DAY = 86_400
_FROM_1900, _FROM_1900_EARLY, _FROM_1904 = -25_569, -25_568, -24_107
"""1899-12-30, 1899-12-31 and 1904-01-01 as days since 1970."""
_NO_LEAP_DAY = 60
_FAR = 1e7
_LAST_DAY = 2_932_896
"""9999-12-31."""
_SERIALS = {
    "excel_serial": datetime.fromisoformat("1899-12-30"),
    "excel_serial_1904": datetime.fromisoformat("1904-01-01"),
}
_LEAP = datetime.fromisoformat("1900-03-01")


def iso_texts(number: Array, shown: Array, *, date_1904: bool) -> pa.LargeStringArray:
    """Each number as ISO 8601 date, date and time, or time of day; NULL where it is none.

    `shown` is how the cell displays it (`sheet_styles.NumberDisplay`). A number below 1 is a time of day where it is
    displayed as a time or has a fraction.
    """
    fine = np.isfinite(number) & (number >= 0) & (number < _FAR) & (shown != NumberDisplay.ELAPSED)
    seconds = np.round(np.where(fine, number, 0) * _DAY).astype(np.int64)
    day, rest = seconds // _DAY, seconds % _DAY
    timed = (day == 0) & ((shown == NumberDisplay.TIME) | (rest > 0))
    if date_1904:
        since = day + _FROM_1904
    else:
        since = day + np.where(day > _NO_LEAP_DAY, _FROM_1900, _FROM_1900_EARLY)
        fine &= timed | ((day >= 1) & (day != _NO_LEAP_DAY))
    fine &= since <= _LAST_DAY
    since = np.where(fine, since, 0)
    days = np.datetime_as_string(since.astype("datetime64[D]"))
    moments = np.datetime_as_string((since * _DAY + rest).astype("datetime64[s]"))
    times = np.array([text[11:] for text in np.datetime_as_string(rest.astype("datetime64[s]"))], dtype="U8")
    texts = np.where(timed, times, np.where(rest > 0, moments, days))
    return pa.array(texts.tolist(), pa.large_string(), mask=~fine)


def serial_text(text: str | None, system: str) -> str | None:
    """ISO 8601 text as a serial number; other text, and a time with a UTC offset, is returned unchanged."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return text
    if moment.tzinfo is not None:
        return text
    apart = moment - _SERIALS[system]
    if system == "excel_serial" and moment < _LEAP:
        apart -= timedelta(days=1)
    seconds = apart.seconds + round(apart.microseconds / 1e6)
    return str(apart.days) if not seconds else f"{apart.days + seconds / _DAY:.10f}"
