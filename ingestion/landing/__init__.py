"""Landing: bytes as sent, plus a manifest."""
