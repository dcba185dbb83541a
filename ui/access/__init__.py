"""Who a visitor is, and how often they may guess.
It knows no page.
"""
