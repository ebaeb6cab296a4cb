"""``python -m shared.plots``: draws the page of digits that the documentation shows."""

from shared.plots.page import main

raise SystemExit(main())
