"""Files are read as conform reads them: contracts built in Python, and one call that conforms bytes."""

from tests.support.conforming import make, real_data, two

__all__ = ["make", "real_data", "two"]
