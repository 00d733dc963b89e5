"""Made-up identifiers with right check digits, a whole column at a time.

Own implementations on purpose: the city must not share the lake's code, so that a mistake
in one cannot hide the same mistake in the other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Texts = NDArray[np.object_]

USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""GB 32100-2015: 31 characters, no I O S V Z."""

_USCC_WEIGHTS = np.array([pow(3, i, 31) for i in range(17)], dtype=np.int64)
_ORG_WEIGHTS = np.array([3, 7, 9, 10, 5, 8, 4, 2], dtype=np.int64)
_ORG_X = 10
"""GB 11714 writes the check value ten as X."""
_ID_WEIGHTS = np.array([pow(2, 17 - i, 11) for i in range(17)], dtype=np.int64)


def digits(numbers: Ints, width: int) -> Ints:
    """`(n, width)` decimal digits of non-negative numbers, most significant first."""
    return (numbers[:, None] // 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)) % 10


def spelled(matrix: Ints, alphabet: str) -> Texts:
    """Rows of alphabet positions as texts."""
    characters = np.array(list(alphabet), dtype="U1")[matrix]
    return np.ascontiguousarray(characters).view(f"U{matrix.shape[1]}").ravel().astype(object)


def food_licence_no(kind: Ints, sequence: Ints) -> Texts:
    """`JY` + kind (1 销售, 2 餐饮, 3 单位食堂) + 442000 + six digits + ISO 7064 MOD 11,10 check."""
    body = np.hstack([kind[:, None], np.tile([4, 4, 2, 0, 0, 0], (len(kind), 1)), digits(sequence, 6)])
    return "JY" + spelled(np.hstack([body, _mod_11_10(body)[:, None]]), "0123456789")


def registration_no(kind: Ints, sequence: Ints) -> Texts:
    """工商注册号 (GS 15-2006): 442000 + kind (0 company, 6 sole trader) + seven digits + ISO 7064 MOD 11,10 check."""
    body = np.hstack([np.tile([4, 4, 2, 0, 0, 0], (len(kind), 1)), kind[:, None], digits(sequence, 7)])
    return spelled(np.hstack([body, _mod_11_10(body)[:, None]]), "0123456789")


def organisation_code(sequence: Ints) -> Texts:
    """组织机构代码 (GB 11714) of who has no credit code: eight digits and the check."""
    body = digits(sequence, 8)
    check = (11 - (body * _ORG_WEIGHTS).sum(axis=1) % 11) % 11
    return spelled(np.hstack([body, check[:, None]]), "0123456789X")


def _mod_11_10(body: Ints) -> Ints:
    """The ISO 7064 MOD 11,10 check digit of each row of digits."""
    product = np.full(len(body), 10, dtype=np.int64)
    for column in body.T:
        product = (product + column) % 10
        product = np.where(product == 0, 10, product) * 2 % 11
    return (11 - product) % 10


def uscc(serial: Ints, head: str = "91442000MA") -> Texts:
    """Credit codes that begin with `head`, unique within it for serials below 31**6, both check digits right.

    GB 32100-2015 for the last character, GB 11714 for the ninth of the organisation code.
    """
    tail = (serial[:, None] // 31 ** np.arange(5, -1, -1, dtype=np.int64)) % 31
    places = np.array([USCC_ALPHABET.index(c) for c in head], dtype=np.int64)
    front = np.hstack([np.tile(places, (len(serial), 1)), tail])
    # GB 11714 values: 0-9, then A=10 to Z=35, which is not the position in the 31 characters.
    org_values = np.array([int(c, 36) for c in USCC_ALPHABET], dtype=np.int64)[front[:, 8:]]
    org_check = (11 - (org_values * _ORG_WEIGHTS).sum(axis=1) % 11) % 11
    org_position = np.where(org_check == _ORG_X, USCC_ALPHABET.index("X"), org_check)
    return _with_check(np.hstack([front, org_position[:, None]]))


def uscc_of(organisation_codes: Texts) -> Texts:
    """The credit codes that companies get which had an organisation code before; `91442000` around it."""
    bodies = np.ascontiguousarray(("91442000" + organisation_codes).astype("U17")).view("U1").reshape(-1, 17)
    return _with_check(np.vectorize(USCC_ALPHABET.index, otypes=[np.int64])(bodies))


def _with_check(body: Ints) -> Texts:
    """The 17 places of each row and the check character of GB 32100-2015 behind them."""
    check = (31 - (body * _USCC_WEIGHTS).sum(axis=1) % 31) % 31
    return spelled(np.hstack([body, check[:, None]]), USCC_ALPHABET)


def citizen_id(birth: NDArray[np.datetime64], sequence: Ints) -> Texts:
    """GB 11643-1999 numbers of division 442000; `birth` in days, `sequence` below 1000."""
    year = birth.astype("datetime64[Y]").astype(np.int64) + 1970
    month = birth.astype("datetime64[M]").astype(np.int64) % 12 + 1
    day = (birth - birth.astype("datetime64[M]")).astype(np.int64) + 1
    number = (year * 10_000 + month * 100 + day) * 1_000 + sequence
    body = np.hstack([np.tile([4, 4, 2, 0, 0, 0], (len(birth), 1)), digits(number, 11)])
    check = (12 - (body * _ID_WEIGHTS).sum(axis=1) % 11) % 11
    return spelled(np.hstack([body, check[:, None]]), "0123456789X")


def printed_id(numbers: Texts) -> Texts:
    """The form printed on a sole trader's certificate: digits 11 to 14 hidden."""
    fixed = np.ascontiguousarray(numbers.astype("U18")).view("U1").reshape(-1, 18).copy()
    fixed[:, 10:14] = "*"
    return np.ascontiguousarray(fixed).view("U18").ravel().astype(object)


def mobile(rng: np.random.Generator, count: int) -> Texts:
    """Mobile numbers `1[3-9]` + nine digits."""
    second = rng.integers(3, 10, count)
    rest = digits(rng.integers(0, 10**9, count), 9)
    return spelled(np.hstack([np.ones((count, 1), np.int64), second[:, None], rest]), "0123456789")
