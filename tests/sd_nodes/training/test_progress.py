import pytest

from sd_nodes.training.progress import Average, watching


def test_a_pipe_gets_a_line_for_the_first_step_and_the_last(capsys: pytest.CaptureFixture[str]) -> None:
    with watching(400) as watch:
        for step in range(1, 401):
            watch.step(step, 0.5)
        watch.note("written")
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [
        "step 1 of 400: average loss 0.5000",
        "step 400 of 400: average loss 0.5000",
        "written",
    ]


def test_the_average_is_right_from_the_first_loss_on() -> None:
    average = Average()
    assert average.add(2.0) == pytest.approx(2.0)
    assert 2.0 < average.add(4.0) < 3.1
    for _ in range(1000):
        last = average.add(1.0)
    assert last == pytest.approx(1.0, abs=1e-6)
