// Starts the editor with a workflow that runs at once, and gives links of several types a colour.

import { app } from "../../scripts/app.js";

const PREFERRED = ["text_to_image", "canny_controlnet"];

async function firstWorkflow() {
  const packs = await (await fetch("api/workflow_templates")).json();
  const names = Object.entries(packs).flatMap(([pack, found]) => found.map((name) => [pack, name]));
  const rank = ([, name]) => (PREFERRED.includes(name) ? PREFERRED.indexOf(name) : PREFERRED.length);
  const first = names.sort((a, b) => rank(a) - rank(b))[0];
  if (!first) return undefined;
  const response = await fetch(`api/workflow_templates/${first.map(encodeURIComponent).join("/")}.json`);
  return response.ok ? await response.json() : undefined;
}

let types = [];

/** An output that fits several inputs, such as EDGE_MAP,IMAGE, has the colour of the last type that has one. */
function colourSets() {
  const palettes = [app.canvas?.default_connection_color_byType, globalThis.LGraphCanvas?.link_type_colors];
  for (const colours of palettes.filter(Boolean)) {
    for (const type of types.filter((type) => type.includes(",") && !colours[type])) {
      const part = type.split(",").findLast((part) => colours[part]);
      if (part) colours[type] = colours[part];
    }
  }
}

app.registerExtension({
  name: "controlgraph.start",
  async setup() {
    const definitions = await (await fetch("api/object_info")).json();
    types = [...new Set(Object.values(definitions).flatMap((node) => node.output))];
    const load = app.loadGraphData.bind(app);
    app.loadGraphData = async (graph, ...rest) => load(graph ?? (await firstWorkflow()), ...rest);
  },
  afterConfigureGraph: colourSets,
});
