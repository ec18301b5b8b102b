"""An engine for a machine that has none: installed from packages, started, found again and stopped."""
