"""An arm is one way of learning a world, as data: ``Arm(name="ft+local", corpus=["documents", "local"])``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from icl_ft_plugin.arms.foreign import FILE, Replay, named_part
from icl_ft_plugin.arms.rows import known_rows
from icl_ft_plugin.paths import PLAIN

Strategy = Literal["local", "global", "qa", "qa-global"]
GENERATED: tuple[Strategy, ...] = ("local", "global", "qa", "qa-global")
# The knobs that ``rows`` took the place of, and their values in its terms.
_FORMER: dict[str, dict[str | None, str]] = {
    "loss": {"full": "documents", "completion": "completion"},
    "split_loss": {"target": "cumulative", "all": "cumulative-all"},
    "splitting": {"none": "documents", "independent": "sentences", "cumulative": "cumulative"},
    "transform": {None: "documents", "reverse": "reverse", "masked": "masked"},
}


def is_written(part: str) -> bool:
    """Tell whether a part of a corpus is a list of statements that a model, or another tool, wrote."""
    return part in GENERATED or part.startswith(FILE)


class Arm(BaseModel):
    """One way of learning the facts.

    Attributes:
        name: Its label in tables.
        corpus: Parts trained on: ``"documents"``, ``"local"`` and ``"global"`` (what the cell's own base model infers from
            them), ``"qa"`` and ``"qa-global"`` (questions and answers that it writes about them), ``"oracle"`` (all that rules infer) or one style of the oracle, e.g. ``"rephrase"``; ``{"path": FILE}``,
            texts from elsewhere (``foreign``), which is kept as ``"file:FILE"``; empty for an untrained arm.
        rows: What a row is made of, and where the loss is: a name of ``ROWS`` (see ``rows``).
        inferred: Percent of the facts that the corpus holds inferences of, from rules or a model (see ``partial``); the
            documents of the others stand there alone.
        replay: Texts that are trained on beside the corpus (``foreign``).
        keep: ``"all"`` that the model wrote, or only what is ``"entailed"`` by the documents: this uses the truth.
        method: ``"finetune"``, or the experimental ``"sdft"``: the documents stand in the prompt of a teacher, the base
            model, and the student learns what that says about the world's names (see ``training.sdft``).
        condition: The prompt at test: ``"closed"`` book or the documents in context (``"icl"``).
        context_copies: Documents per fact in the in-context prompt, and in that of a teacher; 0 puts all of them there.
        context_tokens: In their place, a budget in tokens of the model's tokenizer; own documents are then chosen per
            question (``retrieval``).
        context_nearest: Of the documents that would stand there, so many for each question, the nearest by BM25.
        context_distractors: Or those that state what the question's proof needs, and so many others.
        context_distance: How many of these others stand between the needed documents and the question; by default all stand
            in one order, whatever the question.
        prompt: How the questions are asked: one of ``recipes/prompts/questions``, or a file of that form.
        chat_template: Whether the prompt is the user's turn of a chat, by the model's own template.
        scale: Where it stands on each scale that the report draws; arms that differ behind an ``@`` make one line of it.
        baseline: Instead of a model, what counts which words of a choice and its question stand in the same documents, or
            sentences, answers (see ``baselines``).

    Examples:
        >>> import icl_ft_plugin as icl_ft
        >>> icl_ft.Arm(name="sentences", corpus=["documents"], rows="sentences").method
        'finetune'
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    corpus: list[Annotated[str, BeforeValidator(named_part)]] = []
    rows: Annotated[str, AfterValidator(known_rows)] = "documents"
    inferred: int = Field(default=100, ge=1, le=100)
    replay: Replay | None = None
    keep: Literal["all", "entailed"] = "all"
    method: Literal["finetune", "sdft"] = "finetune"
    condition: Literal["closed", "icl"] = "closed"
    context_copies: int = Field(default=1, ge=0)
    context_tokens: int | None = None
    context_nearest: int | None = None
    context_distractors: int | None = None
    context_distance: int | None = None
    prompt: str = PLAIN
    chat_template: bool = False
    scale: dict[str, float] = {}
    baseline: Literal["cooccurrence", "cooccurrence_sentence", "bigram", "ngram", "least_shown", "recency"] | None = (
        None
    )

    @model_validator(mode="before")
    @classmethod
    def _refuse_former_keys(cls, values: object) -> object:
        for key, now in _FORMER.items():
            if isinstance(values, dict) and key in values:
                value = values[key]
                new = now.get(value) if value is None or isinstance(value, str) else None
                raise ValueError(f"{key}: {value!r} is now rows: {new or ', '.join(now.values())}")
        return values
