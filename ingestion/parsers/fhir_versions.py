"""Members by which a FHIR resource shows that it is of another version than R4.

Taken from the tables "differences from R4" and "differences from R3" of each resource (hl7.org/fhir/R5, R4). Only
members that R4 does not have at all, or has as another kind of value, are listed: one of them is proof.
"""

from __future__ import annotations

_STU3, _R5 = "STU3 (3.0)", "R5 (5.0)"

OTHER_VERSIONS: dict[str, dict[str, str]] = {
    "Condition": {"$.context": _STU3, "$.assertedDate": _STU3, "$.participant": _R5},
    "DiagnosticReport": {
        "$.context": _STU3, "$.performer[0].actor": _STU3, "$.codedDiagnosis": _STU3, "$.supportingInfo": _R5,
    },
    "DocumentReference": {"$.indexed": _STU3, "$.class": _STU3, "$.attester": _R5},
    "Encounter": {
        "$.incomingReferral": _STU3, "$.reason[0].coding": _STU3, "$.reason[0].text": _STU3, "$.class[0]": _R5,
        "$.actualPeriod": _R5,
    },
    "Immunization": {"$.notGiven": _STU3, "$.date": _STU3, "$.informationSource": _R5},
    "Location": {"$.form": _R5, "$.virtualService": _R5},
    "MedicationRequest": {"$.context": _STU3, "$.requester.agent": _STU3, "$.medication": _R5},
    "Observation": {"$.context": _STU3, "$.comment": _STU3, "$.triggeredBy": _R5},
    "Organization": {"$.qualification": _R5},
    "Patient": {"$.animal": _STU3},
    "PractitionerRole": {"$.availability": _R5},
    "Procedure": {"$.context": _STU3, "$.notDone": _STU3, "$.occurrenceDateTime": _R5, "$.occurrencePeriod": _R5},
}  # fmt: skip
"""By resource type: JSON path of a member, and the version that has it."""
