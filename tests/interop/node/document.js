// Prints a job file as a program writes it; the URL is the first word.
const text = "\u{1F600} \u2028 \u0000 \u007f \ud83d\ude00 é \"\\/ ";
const payload = { text, 1: [1e21, -0.5, 12345678901234567000, null, true, {}], "": "" };
const job = { name: "a", webhook: { url: process.argv[2] }, payload };
const written = JSON.stringify(job);
const escaped = written.replace(/[\u007f-\uffff]/g, (letter) => {
  return "\\u" + letter.charCodeAt(0).toString(16).padStart(4, "0");
});
console.log(JSON.stringify({ plain: written, escaped, indented: JSON.stringify(job, null, "\t") }));
