"""One file a scenario: `measure(bench)` gives the JSON, `table(results)` makes Markdown of it."""
