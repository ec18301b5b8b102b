"""The unit tests of Parcel: python3 -m unittest."""

import unittest

from parcel import price


class Prices(unittest.TestCase):
    def test_each_limit_belongs_to_the_lower_price(self):
        self.assertEqual([399, 549, 699, 949], [price(grams) for grams in (1000, 2000, 5000, 10000)])

    def test_one_gram_more_costs_more(self):
        self.assertEqual([549, 699, 949], [price(grams) for grams in (1001, 2001, 5001)])

    def test_too_heavy(self):
        with self.assertRaises(ValueError):
            price(10001)


if __name__ == "__main__":
    unittest.main()
