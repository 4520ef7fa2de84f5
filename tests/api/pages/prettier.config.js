export default {
  printWidth: 110,
  overrides: [{ files: "*.html", options: { htmlWhitespaceSensitivity: "ignore" } }],
};
