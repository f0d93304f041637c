/** Starts the portal. */

import { render } from "preact";
import { App } from "./app.js";
import "./styles/tokens.css";
import "./styles/portal.css";
import "./styles/table.css";

const root = document.getElementById("portal");
if (root) render(<App />, root);
