"""Built-in checks of identifiers whose standards define a check digit, as DuckDB macros.

Each macro takes text and gives true, false, or NULL for NULL. It checks the form of an identifier, not whether it was
issued.
"""

from __future__ import annotations

import duckdb

CHECKS = {"uscc": "citylake_uscc", "citizen_id": "citylake_citizen_id", "food_licence_no": "citylake_food_licence_no"}
"""Macro name by the check's name in a contract's rule."""

_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"

_MACROS = (
    # GB 32100-2015: 18 characters of a 31-character alphabet, weights 3^(i-1) mod 31, and inside it
    # the organisation code of GB 11714 (positions 9-16, check at 17, values 0-9 A=10 .. Z=35).
    f"""
    create or replace macro citylake_uscc(code) as case
        when code is null then null
        when not regexp_full_match(code, '[{_USCC_ALPHABET}]{{2}}[0-9]{{6}}[{_USCC_ALPHABET}]{{10}}') then false
        else (31 - list_sum(list_transform(
                list_zip(range(1, 18), [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28]),
                lambda p: (strpos('{_USCC_ALPHABET}', code[p[1]]) - 1) * p[2])) % 31) % 31
            = strpos('{_USCC_ALPHABET}', code[18]) - 1
            and substr('0123456789X', 1 + cast((11 - list_sum(list_transform(
                list_zip(range(9, 17), [3, 7, 9, 10, 5, 8, 4, 2]),
                lambda p: (strpos('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', code[p[1]]) - 1) * p[2])) % 11) % 11
                as integer), 1) = code[17]
    end
    """,
    # GB 11643-1999: weights 2^(18-i) mod 11, check character 1 0 X 9 8 7 6 5 4 3 2; the birth date must exist.
    """
    create or replace macro citylake_citizen_id(code) as case
        when code is null then null
        when not regexp_full_match(code, '[1-9][0-9]{16}[0-9Xx]') then false
        when try_strptime(substr(code, 7, 8), '%Y%m%d') is null then false
        else substr('10X98765432', 1 + cast(list_sum(list_transform(
                list_zip(range(1, 18), [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]),
                lambda p: cast(code[p[1]] as integer) * p[2])) % 11 as integer), 1) = upper(code[18])
    end
    """,
    # Food licences: JY or SC and 14 digits, the last one after ISO 7064 MOD 11,10 (GB/T 17710).
    """
    create or replace macro citylake_food_licence_no(code) as case
        when code is null then null
        when not regexp_full_match(code, '(JY|SC)[0-9]{14}') then false
        else (11 - list_reduce(
                list_prepend(10, list_transform(range(3, 16), lambda i: cast(code[i] as bigint))),
                lambda p, d: ((case when (p + d) % 10 = 0 then 10 else (p + d) % 10 end) * 2) % 11)) % 10
            = cast(code[16] as integer)
    end
    """,
)


def install(connection: duckdb.DuckDBPyConnection) -> None:
    """Define the macros on a connection."""
    for macro in _MACROS:
        connection.execute(macro)
