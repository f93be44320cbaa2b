"""The recurrent cells, each with its equations in one file, and the loop that runs them over a sequence."""

from edgernn.cells.cell import Activation, Cell, Gates
from edgernn.cells.gru import GRU
from edgernn.cells.lstm import LSTM
from edgernn.cells.recurrence import Unrolled, run
from edgernn.cells.simple_rnn import SimpleRNN

__all__ = ["GRU", "LSTM", "Activation", "Cell", "Gates", "SimpleRNN", "Unrolled", "run"]
