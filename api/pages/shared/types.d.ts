/**
 * What the API answers, as far as the page uses it. `make lint` holds these types against the API's own
 * description (openapi.json); what a field means is said there, at /docs.
 */

// --- the page itself ---

/** What an element may hold: null, undefined and false stand for nothing, lists may be nested. */
export type Child = Node | string | number | null | undefined | false | readonly Child[];

/**
 * A function is an event listener, an object holds style properties, null and false leave the attribute out.
 */
export type Attribute =
  string | number | boolean | null | undefined | ((event: any) => unknown) | Record<string, string>;

// --- words ---

export type Direction = "minimize" | "maximize";
export type StudyState = "queued" | "running" | "succeeded" | "failed" | "cancelled" | "interrupted";
export type TrialState = "queued" | "running" | "succeeded" | "failed" | "diverged" | "stopped";
export type Numbers = (number | null)[];

export interface FieldError {
  field: string;
  message: string;
}

// --- studies ---

export interface Objective {
  name: string;
  direction: Direction;
  /** In a sentence. */
  label: string;
  /** With its unit. */
  title: string;
}

export interface Progress {
  trials: {
    done: number;
    running: number;
    failed: number;
    total: number | null;
  };
  members: { done: number; total: number | null };
  fraction: number | null;
  eta_s: number | null;
  training: Population[];
}

/** A population that is training. */
export interface Population {
  roles: string[];
  trials: number;
  first: number;
  last: number;
  fraction: number | null;
  epoch: number | null;
  epochs: number | null;
}

export interface Links {
  page?: string | null;
  job?: string | null;
  mlflow?: string | null;
  /** Its trials in MLflow, the objective's charts first. */
  comparison?: string | null;
  /** The optima of all studies in MLflow. */
  optima?: string | null;
}

/** A study in a list. */
export interface StudySummary {
  id: string;
  name: string;
  task: string;
  dataset: string | null;
  strategy: string | null;
  state: StudyState;
  reason: string | null;
  cancelling: boolean;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  objective: Objective;
  progress: Progress;
  links: Links;
  revision: number;
  tags: string[];
  comment: string;
  verdict?: string | null;
  headline?: string | null;
  best?: { number: number; tau_f: number | null; tau_b: number | null; lr: number } | null;
  gain?: { mean: number | null; ci95: number[] | null; seeds: number; confirmed: boolean } | null;
}

export interface Study extends StudySummary {
  spec: Spec;
  metrics: TaskMetric[];
  host: Record<string, unknown>;
  training_s: number;
  position: number | null;
  figures: string[];
}

/** An event of a study that moves. */
export interface Moved {
  state: StudyState;
  reason: string | null;
  cancelling: boolean;
  revision: number;
  progress: Progress;
}

export interface Page<Item> {
  items: Item[];
  next: string | null;
}

// --- specs ---

/** Values of a temperature, or learning rates: one, a list, a range with steps, or bounds. */
export type Values = number | (number | string)[] | { low: number; high: number; step?: number };

export interface Search {
  strategy: string;
  tau_f?: Values;
  tau_b?: Values;
  tau_b_start?: number;
  [own: string]: unknown;
}

/** How many fresh seeds, or after how many each look at them is taken. */
export type FreshSeeds = number | { looks: number[]; boundary?: string };

/** A spec as the API fills it in. */
export interface Spec {
  name: string;
  task: string;
  dataset: string;
  search: Search;
  learning_rates: number[];
  seeds: number;
  confirm_seeds: FreshSeeds;
  epochs: number | null;
  steps: number | null;
  batch_size: number;
  baselines: string[];
}

export interface Plan {
  estimate: { seconds: number; studies: number } | null;
  missing_data: string | null;
  trials: number;
  search_trials: number;
  confirm_trials: number;
  control_trials: number;
  further_trials: number;
  members: number;
  trainings: number;
  spec: Spec;
}

export interface Labels {
  methods: Record<string, string>;
  states: Record<string, string>;
}

export interface TaskMetric {
  name: string;
  label: string;
  title: string;
}

export interface Task {
  name: string;
  datasets: string[];
  baselines: string[];
  metrics: TaskMetric[];
}

export interface TasksAnswer {
  items: Task[];
  labels: Labels;
}

export interface Preset {
  name: string;
  description?: string;
  spec: Partial<Spec>;
}

// --- trials ---

export interface Score {
  mean: number | null;
  sem: number | null;
  seeds: Numbers;
}

export interface Configuration {
  number: number;
  role: string;
  estimator: string;
  tau_f: number | null;
  tau_b: number | null;
  lr: number;
  state: string;
  reason: string | null;
}

/** A trial in few numbers, as last reported. */
export interface BriefTrial extends Configuration {
  epoch: number;
  mean: number | null;
  sem: number | null;
  /** The same at `compared_at`. */
  compared: { mean: number | null; sem: number | null } | null;
  variant?: string | null;
}

export interface BriefTrials extends Page<BriefTrial> {
  /** The epoch that all trials under way have reached; null where all are compared at their ends. */
  compared_at?: number | null;
}

export interface MetricCurve {
  mean: Numbers;
  sem: Numbers;
  seeds: Numbers[];
}

export interface StudyFile {
  name: string;
  kind: "report" | "table" | "spec" | "code" | "figure" | "trial";
  about: string;
  media_type: string;
  trial: number | null;
  bytes: number | null;
}

/** A trial with all that is known of it. */
export interface TrialDetail extends Trial {
  seeds: number[];
  epoch: number;
  attempts: number;
  started_at: string | null;
  finished_at: string | null;
  curves: { epoch: number[]; metrics: Record<string, MetricCurve> };
  same: { number: number; role: string; seeds: number[] }[];
  trials: number;
  files: StudyFile[];
  mlflow: string | null;
}

/** From an epoch on: [epoch, tau_f, tau_b, learning rate]. */
export type Segment = number[];

export interface Trial extends Configuration {
  objective: Score;
  metrics: Record<string, Score>;
  variant: {
    schedule?: Segment[];
    logit_scale?: number;
    optimizer?: { [field: string]: number | null | number[] };
  } | null;
}

export interface Curve {
  method: string;
  trial: number;
  estimator: string;
  tau_f: number | null;
  tau_b: number | null;
  lr: number;
  seeds: number[];
  epoch: number[];
  mean: Numbers;
  sem: Numbers;
}

export interface Curves {
  curves: Curve[];
}

/** How a search went. */
export interface SearchCourse {
  steps: { trial: number; mean: number; best: number }[];
  importance: Record<string, number> | null;
  paths: SearchPath[];
}

export interface SearchPath {
  trial: number;
  source: number | null;
  segments: Segment[];
  mean: number | null;
}

// --- results ---

export interface Difference {
  mean: number;
  ci95: number[] | null;
  p_value: number | null;
  seeds: number;
}

export interface Gain extends Omit<Difference, "mean"> {
  mean: number | null;
  against: number;
  confirmed: boolean;
  /** Corrected for all looks. */
  p_overall?: number | null;
  wins?: { wins: number; losses: number; ties: number } | null;
  decision?: string;
}

/** A verdict beside the main one. */
export interface Comparison {
  verdict: string;
  reason: string;
  gain: Gain | null;
}

export interface Rate {
  count: number;
  of: number;
  ci95: number[];
}

/** What became of the members of a method. */
export interface Outcomes {
  diverged: Rate;
  collapsed: Rate | null;
  search_diverged: Rate;
  search_collapsed: Rate | null;
}

export interface Points {
  mean: Numbers;
  sem: Numbers;
}
/** The objective along one temperature. */
export type ForwardLine = Points & { tau_f: number[] };
export type BackwardLine = Points & { tau_b: number[] };

export interface Marginals {
  tau_f: { best: ForwardLine; at_optimum: ForwardLine & { tau_b: number } };
  tau_b: { best: BackwardLine; at_optimum: BackwardLine & { tau_f: number } };
}

export interface Stages {
  tau_b_start: number;
  best_tau_f: number | null;
  first: ForwardLine;
  second: BackwardLine;
}

export interface Control {
  trial: number;
  of: number;
  rho: number | null;
  logit_scale: number | null;
  difference: Difference | null;
  max_relative_deviation: number | null;
  max_relative_deviation_of_curves: number | null;
  meaning: string[];
}

export interface ClaimPart {
  what: string;
  status: string;
  reason: string;
  counts: boolean;
}

export interface Claim {
  claim: string;
  status: string;
  reason: string;
  parts: ClaimPart[];
}

export interface TestScore {
  mean: number | null;
  sem: number | null;
  ci95: number[] | null;
}

export interface Results {
  state: string;
  best: Trial | null;
  off_diagonal_best: Trial | null;
  argmax_best: Trial | null;
  diagonal_best: Trial | null;
  baselines: Record<string, Trial>;
  confirmed: Record<string, Trial>;
  gain: Gain | null;
  gains: Record<string, Gain | null>;
  argmax: Comparison | null;
  as_printed: Comparison | null;
  second: Record<string, Gain>;
  test_gain: Record<string, Gain>;
  confirmation: {
    looks: number[];
    boundary: string;
    seeds: number;
    margin: number;
    margin_given: string;
  } | null;
  outcomes: Record<string, Outcomes>;
  verdict: string;
  verdict_reason: string;
  headline: string;
  notes: string[];
  claims: Record<string, Claim>;
  test: Record<string, Record<string, TestScore>>;
  tuned_with: Record<string, number>;
  marginals: Marginals | null;
  stages: Stages | null;
  control: Control | null;
  equal_budget: EqualBudget | null;
}

/** What the best of k trials off the diagonal and of k on it are worth, for each k. */
export interface EqualBudget {
  trials: number[];
  off_diagonal: number[];
  diagonal: number[];
}

/** Everything that the page of a study shows; each part is the same object until it changes. */
export interface Known {
  study: Study;
  trials: BriefTrials;
  results: Results;
  curves: Curves;
  search: SearchCourse;
}

/** What a comparison shows of a study. */
export type Compared = Omit<Known, "search">;
