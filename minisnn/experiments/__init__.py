"""Experiments: a recipe, trained once or many times, and the results.

recipes.py       all settings of a run in one record, by name
run.py           one recipe trained in a folder, safe to interrupt
sweep.py         a recipe over a grid of settings and seeds, in many processes
own_data.py      a file of one's own in place of a data set
workers.py       worker processes that end with the process that started them
compare.py       RSNN, SRC and ASRC side by side: the main job
findings/        the paper's claims at small scale: experiments, statistics, tables, figures

Imports everything below; the course and the command line import it, and `minisnn.sweep` when it is first used.
"""
