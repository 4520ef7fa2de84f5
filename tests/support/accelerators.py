"""Populations on a CPU whose training steps are those for an accelerator."""

from tests.support.tasks import TASKS, digits, task
from trainables.population import Configuration, Population


def decoupled(learning_rates, **keywords):
    return [Configuration("decoupled", 0.1 * t, 0.9, lr, **keywords) for t, lr in enumerate(learning_rates)]


def population(name, configurations, seeds, *, options=None, **keywords):
    cls = TASKS[name]
    built = task(name) if options is None else cls(digits(), cls.options_type.parse(options))
    return Population(built, digits(), configurations, seeds, batch_size=32, accelerator=True, **keywords)
