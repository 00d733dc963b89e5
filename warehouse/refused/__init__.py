"""Refused rows for the people who must mend them: which column, which value, which rule in words, how to mend it."""
