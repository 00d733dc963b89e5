"""Build a `Column` from an ODCS property and its citylake entry, with all checks that concern a single column.

Checks between columns (keys, event time, rules) are in `ingestion.contract.semantics`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from open_data_contract_standard.model import SchemaProperty

from ingestion.contract import date_formats, hl7_paths, json_columns, personal, xml_paths
from ingestion.contract.column_types import ColumnType, column_type
from ingestion.contract.extension import ColumnSpec, XmlFormat
from ingestion.contract.model import Column
from ingestion.contract.problem import KeyPath, Report, choices
from ingestion.contract.schedule import timezone_problem
from ingestion.values.blanks import is_blank, strip

CLASSIFICATIONS = ("public", "internal", "personal", "sensitive")
NAME = re.compile(r"[a-z][a-z0-9_]*")
_READING = (
    "path", "choose", "reference", "repeated", "format", "formats", "implied_decimals", "timezone", "blanks", "missing",
    "trace", "normalise",
)  # fmt: skip
"""Keys of a column's spec that say how the source is read; a derived column must not have them."""
_NOT_RE2 = re.compile(r"\(\?(?!:|i\)|P<)|\\[1-9]")
_BOUNDS = {"string": ("minLength", "maxLength"), "number": ("minimum", "maximum")}
_FINITE = 1e300
"""The largest double; no column type has larger values."""
_PLACEHOLDER = ColumnType("VARCHAR", "VARCHAR")


@dataclass(frozen=True)
class DeclaredColumn:
    """A column as declared: the ODCS property, its citylake entry, and where both are in the file.

    `json` says that the feed's records are JSON, so `spec.path` finds the value, `fhir` that they are FHIR resources;
    `xml` is the format where they are XML, `hl7` says that they are HL7 messages: both have paths of their own.
    `extended` is False where the extension could not be read, so its entries may only seem to be missing;
    `enums` that the document's apiVersion knows the key `enum` (from v3.2.0).
    """

    prop: SchemaProperty
    spec: ColumnSpec
    path: KeyPath
    spec_path: KeyPath
    json: bool
    extended: bool
    enums: bool
    report: Report
    xml: XmlFormat | None = None
    fhir: bool = False
    hl7: bool = False

    def column(self) -> Column:
        """The column. Wrong parts are reported and replaced by valid ones, so that the other checks can run."""
        prop = self.prop
        kind = self.type()
        self.names()
        self.origin()
        pattern, bounds = self.pattern(kind), self.bounds(kind)
        self.reading(kind)
        self.deidentification(kind)
        self.personal()
        length = {key: int(bounds[key]) for key in ("minLength", "maxLength") if key in bounds}
        return Column(
            name=prop.name or "",
            type=kind.text,
            source=self.source(),
            title=prop.businessName or "",
            description=prop.description or "",
            required=bool(prop.required),
            primary_key=self.key_position(),
            classification=prop.classification,
            transform=prop.transformLogic,
            minimum=bounds.get("minimum"),
            maximum=bounds.get("maximum"),
            min_length=length.get("minLength"),
            max_length=length.get("maxLength"),
            pattern=pattern,
            allowed=self.allowed(kind),
            spec=self.resolved_spec(),
        )

    def wrong(self, key: str, message: str) -> None:
        """Report a problem of the ODCS property."""
        self.report.add((*self.path, key), message)

    def wrong_spec(self, key: str, message: str) -> None:
        """Report a problem of the citylake entry."""
        self.report.add((*self.spec_path, key), message)

    def type(self) -> ColumnType:
        """The physical type, agreed with the logical one."""
        found = column_type(self.prop.physicalType)
        if isinstance(found, str):
            self.wrong("physicalType", found)
            return _PLACEHOLDER
        if self.prop.logicalType is None:
            self.wrong("logicalType", f"required key is missing; {found.text} is `{found.logical}`")
        elif self.prop.logicalType != found.logical:
            self.wrong("logicalType", f"{self.prop.logicalType!r} disagrees with {found.text}: `{found.logical}`")
        return found

    def names(self) -> None:
        """Name, titles and classification."""
        if not self.prop.name or not NAME.fullmatch(self.prop.name):
            self.wrong("name", f"{self.prop.name!r} is not a column name: lower-case letters, digits and _")
        for key, meaning in (("businessName", "Chinese title"), ("description", "English description")):
            if is_blank(getattr(self.prop, key) or ""):
                self.wrong(key, f"required key is missing ({meaning})")
        if self.prop.classification is not None and self.prop.classification not in CLASSIFICATIONS:
            self.wrong(
                "classification",
                f"{self.prop.classification!r} is not allowed; {choices(self.prop.classification, CLASSIFICATIONS)}",
            )

    def origin(self) -> None:
        """A column is read (`physicalName`) or derived (`transformLogic`), never both or neither."""
        if (self.prop.physicalName is None) == (self.prop.transformLogic is None):
            self.wrong("physicalName", "a column has either physicalName (read) or transformLogic (derived)")
        if self.prop.physicalName is None:
            for key in _READING:
                if key in self.spec.model_fields_set:
                    self.wrong_spec(key, "is about reading; this column is derived by transformLogic")
        self.place()

    def place(self) -> None:
        """Where the value is found, by the kind of records."""
        if self.xml is not None:
            self.xml_path(self.xml)
        elif self.hl7:
            self.hl7_path()
        elif self.spec.repeated != "refuse":
            self.wrong_spec("repeated", "is for XML and HL7, where a record may have a part several times")
        if self.spec.path is not None and not self.json and self.xml is None and not self.hl7:
            self.wrong_spec("path", "is for JSON, FHIR, HL7 and XML; another column is found by its physicalName")
        elif self.json and self.prop.physicalName is not None:
            physical_type = self.prop.physicalType
            for key, problem in json_columns.problems(self._json_path(), self.spec, physical_type, fhir=self.fhir):
                self.wrong_spec(key, problem)
        for key in () if self.json else {"choose", "reference"} & self.spec.model_fields_set:
            self.wrong_spec(key, "is for JSON and FHIR")

    def source(self) -> str | None:
        """The column's name in the delivery; stripped for a header, unchanged for JSON and XML."""
        name = self.prop.physicalName
        return name if name is None or self.json or self.xml is not None else strip(name)

    def hl7_path(self) -> None:
        """The path is one of the standard's; a list of repetitions is not read."""
        if self.prop.physicalName is None:
            return
        problem = hl7_paths.path_problem(self.spec.path or self.prop.physicalName)
        if problem:
            self.wrong_spec("path", problem)
        if self.spec.repeated == "list":
            self.wrong_spec("repeated", "`list` is for XML; a repetition of HL7 is named by its number: PID-3(2).1")

    def xml_path(self, spec: XmlFormat) -> None:
        """The path leads to an element or attribute of the record; a list is text."""
        if self.prop.physicalName is None:
            return
        problem = xml_paths.member_problem(self.spec.path or self.prop.physicalName, spec.namespaces)
        if problem:
            self.wrong_spec("path", problem)
        if self.spec.repeated == "list" and self.prop.physicalType != "VARCHAR":
            self.wrong_spec(
                "repeated", f"`list` gives JSON text: the column must be VARCHAR, not {self.prop.physicalType}"
            )

    def bounds(self, kind: ColumnType) -> dict[str, Decimal]:
        """Numeric limits: of the value, or of a text's length."""
        allowed = _BOUNDS.get("number" if kind.is_numeric else kind.logical, ())
        options = self.prop.logicalTypeOptions or {}
        bounds: dict[str, Decimal] = {}
        for key, value in options.items():
            if key == "pattern":
                continue
            if key not in allowed:
                hint = "; bound dates with a rule" if kind.is_temporal else ""
                names = [*allowed, *(["pattern"] if kind.name == "VARCHAR" else [])]
                self.wrong("logicalTypeOptions", f"`{key}` is not for {kind.text}; {choices(key, names)}{hint}")
            elif isinstance(value, bool) or not isinstance(value, int | float | Decimal):
                self.wrong("logicalTypeOptions", f"`{key}` must be a number")
            elif not (abs(value) < _FINITE):
                self.wrong("logicalTypeOptions", f"`{key}`: {value!r} is no finite number")
            elif int(value) != int(float(value)):
                self.wrong("logicalTypeOptions", f"`{key}`: {value!r} has more digits than a limit is compared by")
            elif key in _BOUNDS["string"] and value != int(value):
                self.wrong("logicalTypeOptions", f"`{key}` counts characters: a whole number")
            else:
                bounds[key] = Decimal(str(value))
        for low, high in (("minimum", "maximum"), ("minLength", "maxLength")):
            if low in bounds and high in bounds and bounds[low] > bounds[high]:
                self.wrong("logicalTypeOptions", f"`{low}` is above `{high}`")
        return bounds

    def pattern(self, kind: ColumnType) -> str | None:
        """A regular expression RE2 takes (DuckDB's engine: no look-around, no back-references)."""
        value = (self.prop.logicalTypeOptions or {}).get("pattern")
        if value is None:
            return None
        if kind.name != "VARCHAR" or not isinstance(value, str):
            self.wrong("logicalTypeOptions", "`pattern` is text, for VARCHAR columns")
            return None
        try:
            re.compile(value)
        except re.error as error:
            self.wrong("logicalTypeOptions", f"`pattern` is not a regular expression: {error}")
        if _NOT_RE2.search(value):
            self.wrong("logicalTypeOptions", "`pattern`: look-around and back-references are not available (RE2)")
        return value

    def allowed(self, kind: ColumnType) -> tuple[str, ...]:
        """The values of `enum`, as text."""
        values = []
        for index, item in enumerate(self.prop.enum or []):
            value = item.value
            if isinstance(value, bool) or not isinstance(value, str | int):
                self.report.add(
                    (*self.path, "enum", index, "value"), "must be text or a whole number; put it in quotes"
                )
            elif kind.logical == "integer" and not re.fullmatch(r"-?[0-9]+", str(value)):
                self.report.add((*self.path, "enum", index, "value"), f"{value!r} is not a value of {kind.text}")
            else:
                values.append(str(value))
        if values and not self.enums:
            self.wrong("enum", "is a key of apiVersion v3.2.0")
        if values and kind.logical not in ("string", "integer"):
            self.wrong("enum", f"allowed values are for VARCHAR, INTEGER and BIGINT, not {kind.text}")
        if len(set(values)) < len(values):
            self.wrong("enum", "a value is listed twice")
        return tuple(values)

    def reading(self, kind: ColumnType) -> None:
        """Format, zone, codes and normalisation fit the type."""
        for form in filter(None, self.spec.readings):
            problem = date_formats.problem(form, kind.name)
            if problem:
                self.wrong_spec("formats" if self.spec.formats else "format", problem)
        if self.spec.formats and date_formats.GTFS_TIME in self.spec.formats:
            self.wrong_spec("formats", "gtfs_time stands alone, as `format`")
        if self.spec.implied_decimals is not None and kind.name not in ("DECIMAL", "DOUBLE"):
            self.wrong_spec("implied_decimals", f"is for DECIMAL and DOUBLE, not {kind.text}")
        self._local_time(kind)
        if self.spec.blanks == "keep" and kind.name != "VARCHAR":
            self.wrong_spec("blanks", f"`keep` is for VARCHAR: no value of {kind.text} has blanks around it")
        if self.spec.trace and not kind.is_numeric:
            self.wrong_spec("trace", f"gives numbers; the column is {kind.text}")
        if self.spec.normalise and kind.name != "VARCHAR":
            self.wrong_spec("normalise", f"is for VARCHAR, not {kind.text}")

    def _local_time(self, kind: ColumnType) -> None:
        """`timezone` and `ambiguous_time` are allowed for TIMESTAMPTZ only."""
        if self.spec.timezone is not None:
            problem = timezone_problem(self.spec.timezone) or (
                None if kind.name == "TIMESTAMPTZ" else f"is for TIMESTAMPTZ, not {kind.text}"
            )
            if problem:
                self.wrong_spec("timezone", problem)
        if "ambiguous_time" in self.spec.model_fields_set and kind.name != "TIMESTAMPTZ":
            self.wrong_spec("ambiguous_time", f"is for TIMESTAMPTZ, not {kind.text}")

    def deidentification(self, kind: ColumnType) -> None:
        """The de-identification fits the type and the key."""
        rule = self.spec.deidentify
        if rule is None:
            return
        if rule.method in ("pseudonym", "mask") and kind.name != "VARCHAR":
            self.wrong_spec("deidentify", f"method {rule.method} needs a VARCHAR column, not {kind.text}")
        if rule.method == "generalise":
            textual = rule.to == "division_6"
            fits = kind.name == "VARCHAR" if textual else kind.is_temporal
            if rule.to == "birth_band_5y":
                fits = kind.name in ("VARCHAR", "DATE")
            if not fits:
                self.wrong_spec("deidentify", f"generalise to {rule.to} does not fit {kind.text}")
        if self.prop.primaryKey and rule.method in ("drop", "generalise", "mask"):
            self.wrong_spec(
                "deidentify", f"method {rule.method} would merge different keys; a key column is a pseudonym"
            )

    def personal(self) -> None:
        """Direct identifiers never pass to bronze as they are, an identity document's number on no row."""
        kind = personal.kind_of(self.prop.name, self.prop.physicalName, self.prop.businessName)
        if self.spec.deidentify is not None or not self.extended:
            if self.spec.deidentify and self.spec.deidentify.when and kind and personal.never_passes(kind):
                self.wrong_spec(
                    "deidentify", "looks like an identity document number, personal on every row: no `when`"
                )
            return
        classification = self.prop.classification
        if classification in ("personal", "sensitive"):
            self.wrong("classification", f"`{classification}` needs a `deidentify` in {self._spec_name()}")
        elif kind and personal.never_passes(kind):
            self.wrong("name", f"looks like an identity document number: needs a `deidentify` in {self._spec_name()}")
        elif kind and classification not in ("public", "internal"):
            self.wrong(
                "name",
                f"looks like a person's {kind.replace('_', ' ')}: needs a `deidentify` in {self._spec_name()}, "
                "or classification `public`/`internal` where it is not a natural person's",
            )

    def key_position(self) -> int | None:
        """Place in the natural key, from 1; None outside it."""
        position = self.prop.primaryKeyPosition
        if not self.prop.primaryKey:
            if position not in (None, -1):
                self.wrong("primaryKeyPosition", "without primaryKey: true")
            return None
        if position is not None and position < 1:
            self.wrong("primaryKeyPosition", "counts from 1")
        return position or 1

    def resolved_spec(self) -> ColumnSpec:
        """The citylake entry with the path of JSON or HL7 filled in."""
        if self.json and self.prop.physicalName is not None:
            return self.spec.model_copy(update={"path": self._json_path()})
        if self.hl7 and self.prop.physicalName is not None:
            return self.spec.model_copy(update={"path": self.spec.path or self.prop.physicalName})
        return self.spec

    def _json_path(self) -> str:
        return self.spec.path or f"$.{self.prop.physicalName}"

    def _spec_name(self) -> str:
        return f"citylake tables.<table>.columns.{self.prop.name}"
