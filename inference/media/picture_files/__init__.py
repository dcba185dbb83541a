"""Files of pictures: what a decoder needs of each, and their colours as profiles.
It knows neither faces nor what becomes of the pixels. Text and other extras are dropped unread.
"""
