"""What is late, blocked and why: one line per feed and per product, for the page "today", `citylake status` and
`status.json`.
"""
