"""While a study is played: blocks of units, forks, small tables, seal.

Columns of sealed tables are fixed for ever.
"""
