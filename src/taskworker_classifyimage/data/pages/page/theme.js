// Shows the remembered theme before anything is drawn.
(() => {
  try {
    const theme = JSON.parse(localStorage.getItem("taskworker.theme"));
    if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
  } catch {
    // The browser forbids to remember anything: its own theme is shown.
  }
})();
