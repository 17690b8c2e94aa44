// What is asked of every page. Each is a function that gives what is wrong with it.

window.checks = {};

// Controls that a screen reader has no name for.
window.checks.unnamed = () => [...document.querySelectorAll(
    'a, button, input, select, textarea, summary, [tabindex="0"], [role]')]
  .filter((one) => one.checkVisibility({ visibilityProperty: true }))
  .filter((one) => {
    const labels = [...(one.labels ?? [])].map((label) => label.textContent).join('');
    const by = (one.getAttribute('aria-labelledby') ?? '').split(' ').filter(Boolean)
      .map((id) => document.getElementById(id)?.textContent ?? '').join('');
    const role = one.getAttribute('role');
    const quiet = ['alert', 'status', 'list', 'listitem'].includes(role);
    return !quiet && !(one.getAttribute('aria-label') || by || labels || one.textContent).trim();
  })
  .map((one) => one.outerHTML.slice(0, 120));

// Texts whose contrast to what is really painted behind them is less than 4.5 to 1 (WCAG 2.2, 1.4.3).
window.checks.faint = () => {
  const parse = (text) => {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const cache = new Map();
  const colour = (text) => cache.get(text) ?? cache.set(text, parse(text)).get(text);
  const over = (top, under) => [0, 1, 2].map((n) => top[n] * top[3] + under[n] * (1 - top[3]));
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => {
      const s = v / 255;
      return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => {
    const [x, y] = [light(a), light(b)].sort((m, n) => n - m);
    return (x + 0.05) / (y + 0.05);
  };
  const behind = (node) => {
    const stack = [];
    for (let one = node; one; one = one.parentElement) {
      const svg = one instanceof SVGElement && one.tagName === 'g'
        ? one.querySelector('rect') : null;
      stack.push(svg ? getComputedStyle(svg).fill : getComputedStyle(one).backgroundColor);
    }
    return stack.reverse().reduce((under, text) => over(colour(text), under), [255, 255, 255]);
  };
  const opacity = (node) => {
    let whole = 1;
    for (let one = node; one; one = one.parentElement) whole *= Number(getComputedStyle(one).opacity);
    return whole;
  };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !node.checkVisibility({ visibilityProperty: true })) continue;
    if (node.closest('.unseen, title, option, noscript, button:disabled')) continue;
    const style = getComputedStyle(node);
    const ground = behind(node);
    const ink = colour(node instanceof SVGElement ? style.fill : style.color);
    const seen = over([ink[0], ink[1], ink[2], ink[3] * opacity(node)], ground);
    const got = ratio(seen, ground);
    if (got < 4.5) found.push(`${got.toFixed(2)} ${node.tagName}.${node.className.baseVal ?? node.className}: ` +
      walk.currentNode.data.trim().slice(0, 40));
  }
  return [...new Set(found)];
};

// What has the focus, where nothing shows that it has.
window.checks.unseenFocus = () => {
  const now = document.activeElement;
  return getComputedStyle(now).outlineStyle === 'none' ? now.outerHTML.slice(0, 200) : '';
};

// How wide the page is, how wide its window, and what sticks out of it.
window.checks.wide = () => [document.documentElement.scrollWidth, document.documentElement.clientWidth,
  [...document.querySelectorAll('main *')].filter((one) => one.getBoundingClientRect().right > innerWidth + 1
    && !one.closest('.wide, .graph-scroll, .diff, .json, .unseen')).slice(0, 4)
    .map((one) => one.outerHTML.slice(0, 100))];
