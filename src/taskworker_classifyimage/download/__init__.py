"""Files from the internet, whole and verified or not at all: the weights of published models.

download -> transfer     one request after the other
-> part_file    what lies on disk meanwhile
"""
