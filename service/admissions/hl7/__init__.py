"""Admissions told in HL7 v2: reading, answering, MLLP, and who may send for whom."""
