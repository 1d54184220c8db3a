// Checks objects for Kubernetes, in YAML, against its own description of their types.
//
// usage: node kubernetes.js FILE...
const fs = require("fs");
const yaml = require("js-yaml");

for (const path of process.argv.slice(2)) {
  const object = yaml.load(fs.readFileSync(path, "utf8"));
  const models = require(`kubernetes-models/${object.apiVersion}`);

  new models[object.kind](object).validate();
}
