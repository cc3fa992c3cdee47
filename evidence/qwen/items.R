# The crossed mixed model of items.parquet, of one model, entry of worlds and split at a time.
# Rscript items.R; needs the R packages arrow and lme4 (or brms).
items <- arrow::read_parquet("items.parquet")
items <- transform(items, world = factor(world), arm = factor(arm), run = factor(run))
for (part in split(items, list(items$model, items$entry, items$split), drop = TRUE)) {
  cat("\n", part$model[1], part$entry[1], part$split[1], "\n")
  if (nlevels(droplevels(part$world)) < 3 || nlevels(droplevels(part$arm)) < 2) next
  print(summary(lme4::lmer(correct ~ arm + (1 | world) + (1 | world:first) + (1 | world:last) + (1 | world:run) + (1 | world:arm), data = part)))
  # On the scale of log-odds:
  # lme4::glmer(correct ~ arm + (1 | world) + (1 | world:first) + (1 | world:last) + (1 | world:run) + (1 | world:arm), data = part, family = binomial)
  # brms::brm(correct ~ arm + (1 | world) + (1 | world:first) + (1 | world:last) + (1 | world:run) + (1 | world:arm), data = part, family = brms::bernoulli())
}
