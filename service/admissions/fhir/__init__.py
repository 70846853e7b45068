"""Admissions told in FHIR R4 and R5: reading, code sets, applying, answering."""
