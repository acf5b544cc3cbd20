// Stands in for Node's loaders before the modules that scripts/pack.mjs puts behind it; docs/adr/0034 says why.
module.exports = function load(modules) {
  const { createRequire } = require('node:module');
  const path = require('node:path');
  const root = path.join(__dirname, '../../../..');
  const loaded = new Map();
  const views = new Map();
  function required(what) {
    if (typeof what === 'string') return require(what);
    const known = loaded.get(what);
    if (known !== undefined) return known.exports;
    const [isEsm, place, run] = modules[what];
    const filename = path.join(root, place);
    const module = { exports: {}, id: filename, filename, loaded: false };
    loaded.set(what, module);
    const own = (name) => createRequire(filename)(name);
    run.call(
      isEsm ? undefined : module.exports,
      required,
      imported,
      module,
      module.exports,
      filename,
      path.dirname(filename),
      own,
    );
    modules[what] = null;
    module.loaded = true;
    return module.exports;
  }
  function imported(what) {
    let view = views.get(what);
    if (view !== undefined) return view;
    const exports = required(what);
    view = Object.defineProperty({ default: exports, 'module.exports': exports }, '__esModule', {
      value: true,
    });
    if (exports !== null && (typeof exports === 'object' || typeof exports === 'function')) {
      for (const name of Object.keys(exports)) {
        if (name !== 'default')
          Object.defineProperty(view, name, { enumerable: true, get: () => exports[name] });
      }
    }
    views.set(what, view);
    return view;
  }
  return required(0);
};
