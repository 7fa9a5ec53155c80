"""The dataset itself: catalog, images, records, rules, splits and releases."""
