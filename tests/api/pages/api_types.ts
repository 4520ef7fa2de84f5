/**
 * The page's types of the API's answers (api/pages/shared/types.d.ts) against the API's own description: what the API
 * answers must be assignable to what the page takes it for. Only its types matter; nothing here runs.
 */

import type * as page from "../../../api/pages/shared/types.js";
import type { components } from "./build/openapi.js";

type Api = components["schemas"];
// The API checks specs by the model StudySpec, which has a schema of its own.
type Spec = { spec: page.Spec };
type Answer<Taken, Given extends Taken> = Given;

export type Checked = [
  Answer<page.FieldError, Api["FieldError"]>,
  Answer<page.StudySummary, Api["StudySummary"]>,
  Answer<page.Study, Api["Study"] & Spec>,
  Answer<page.Page<page.StudySummary>, Api["Studies"]>,
  Answer<page.Plan, Api["Planned"] & Spec>,
  Answer<page.Preset, Api["Preset"] & Spec>,
  Answer<page.TasksAnswer, Api["Tasks"]>,
  Answer<page.Curves, Api["Curves"]>,
  Answer<page.SearchCourse, Api["SearchCourse"]>,
  Answer<page.BriefTrial, Api["BriefTrial"]>,
  Answer<page.TrialDetail, Api["TrialDetail"]>,
  Answer<page.StudyFile, Api["StudyFile"]>,
  Answer<page.Results, Api["Results"]>,
];
