// What a parsing thread runs.
import { parseHtml, parseMessage, parseWhole } from '../parse-message.ts'
import { answerRequests } from './answer-requests.ts'

answerRequests({
  message: parseMessage,
  stored: parseMessage,
  html: parseHtml,
  whole: parseWhole,
})
