"""Column names that announce a person: the words behind the refusal and behind a draft's guess.

GB/T 37964-2019 calls an attribute that names a person by itself a direct identifier. Two
groups: identity documents, which never pass as they are; contact details and names, which may
pass only where the contract says by `classification` that they are not a natural person's
(a business telephone, a company's name).
"""

from __future__ import annotations

import re
from typing import Literal

Kind = Literal["identity_document", "phone", "email", "person_name", "address"]

_WORDS: tuple[tuple[Kind, str], ...] = (
    (
        "identity_document",
        r"身份证|护照|证件号|公民身份|社保卡号|医保卡号|citizen_?id|id_?card|identity_?(card|number)|passport|ssn|national_?id|sfzh|zjhm",
    ),
    ("phone", r"电话|手机|联系方式|(^|_)(tele)?phone|mobile|cell_?(no|number)|(^|_)tel(_|$)|lxdh|sjh(_|$)"),
    ("email", r"邮箱|电子邮件|e_?mail"),
    (
        "person_name",
        r"姓名|法定代表人|负责人|联系人|投诉人|举报人|检查员|经办人|(^|_)(first|last|full|given|family|person|patient|owner|driver|contact)_?name"
        r"|surname|legal_rep|complainant|inspector_name",
    ),
    ("address", r"家庭住址|现住址|户籍地址|home_?address|residence"),
)
_PATTERNS = tuple((kind, re.compile(words, re.IGNORECASE)) for kind, words in _WORDS)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def kind_of(*names: str | None) -> Kind | None:
    """The first kind that one of a column's names announces, strictest first."""
    spelled = [_CAMEL.sub("_", name).replace(" ", "_").replace("-", "_").replace(".", "_") for name in names if name]
    return next((kind for kind, pattern in _PATTERNS if any(pattern.search(name) for name in spelled)), None)


def never_passes(kind: Kind) -> bool:
    """Whether no classification lets this kind through as it is."""
    return kind == "identity_document"
