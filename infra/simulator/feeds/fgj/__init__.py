"""Credit platform (发展改革局): one module per feed."""
