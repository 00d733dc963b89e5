"""The health department's city: residents, facilities, visits, examinations, cards and appointments. All SYNTHETIC."""
