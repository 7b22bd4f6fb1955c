"""Tables of a report, one module a subject: rows of the result in words, before any markup."""
