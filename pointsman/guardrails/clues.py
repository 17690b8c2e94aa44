"""The clues of an injection: shapes of sentences, each with a weight. English first.

A blank stands for any white space, `<gap>` for up to four words, `<any>` for the rest of a
sentence. All in RE2's syntax, case does not count, and every gap is a plain loop: linear time.
"""

from dataclasses import dataclass
from typing import Literal

Family = Literal["override", "persona", "extraction", "spoofing", "agent"]


@dataclass(frozen=True, slots=True)
class Clue:
    """One shape, and how much it says: 0 nothing, 1 everything."""

    family: Family
    pattern: str
    weight: float
    """In what a person writes."""
    foreign: float | None = None
    """In a tool's result or a document; None: the same."""


_EARLIER = r"(?:previous|prior|above|earlier|preceding|former|foregoing|past|existing|current)"
_OWN = r"(?:your|its|openai'?s?|all|any|these|those|the|other|every|most of|and|of|my|initial)"
_ORDERS = (
    r"(?:instructions?|prompts?|directives?|directions?|commands?|orders?|rules?|guidelines?"
    r"|guidance|polic(?:y|ies)|programming|restrictions?|constraints?|limitations?|training"
    r"|safeguards?|guardrails?|context|conversations?|system prompt|filters?)"
)
_DROP = (
    r"(?:ignor(?:e|es|ing)|disregard(?:s|ing)?|forget(?:s|ting)?|overrid(?:e|es|ing)|neglect"
    r"|bypass(?:es|ing)?|discard(?:s|ing)?|dismiss|drop|set aside|pay no attention to"
    r"|stop following|(?:do not|don't|not to|never|no longer) (?:follow|obey|heed|use|apply))"
)
_MIND = r"(?:chat ?bots?|ai|a\.i\.|bots?|language models?|llms?|ai models?|assistants?|gpt|chatgpt)"
_FREE = (
    r"(?:unfiltered|uncensored|unrestricted|unethical|amoral|immoral|unlimited|jail ?broken"
    r"|unaligned|lawless|unhinged|limitless|no-filter|rule-free)"
)
_BOUNDS = (
    r"(?:rules?|filters?|restrictions?|censorship|limits?|limitations?|guidelines?|ethics?"
    r"|ethical|morals?|morality|moral|polic(?:y|ies)|constraints?|laws?|principles?|guardrails?"
    r"|safeguards?|boundaries|confines)"
)
_SHOW = (
    r"(?:show|reveal|print|output|display|repeat|tell|give|share|leak|dump|expose|recite|copy"
    r"|paste|echo|encode|translate|disclose|send|list|write(?: out)?|say|spell out|summari[sz]e"
    r"|decode|paraphrase|return|see|view|read|extract|provide|type|post|convert"
    r"|(?:what|which)(?:'s| is| are| was| were))"
)
_HIDDEN = (
    r"(?:system|initial|initiali[sz]ation|original|hidden|secret|internal|starting|developer|base"
    r"|pre|preceding|first|underlying|confidential|very first|opening)"
)
_THIS = r"(?:your|the|its|this|that|their|of|all|full|entire|exact|me|us|out|including|any|same|in)"
_REPLY = r"(?:answers?|responses?|repl(?:y|ies)|outputs?|messages?|summar(?:y|ies)|solutions?)"
_PERSON = r"(?:the |your |any |an )?(?:user|human|customer|operator)s?"
_PUT = (
    r"(?:add|append|include|insert|integrate|incorporate|embed|replace|substitute|swap|modify"
    r"|augment|enhance|convert|change|alter|rewrite|render|remove|delete|strip|omit|misspell"
    r"|scramble|jumble|shuffle|rearrange|reverse|encode|encrypt|group|combine|merge|fuse|blend|mix"
    r"|weave|inject|infuse|attach|place|put|mention|promote|start|begin|end|finish|conclude|prefix"
    r"|use|provide|give|write|format|present|deliver|phrase|introduce|make|ensure|let|limit|keep"
    r"|adopt|employ|utili[sz]e|apply|execute|deploy|leverage|extend|tailor|translate)"
)
_ADDRESS = r"(?:[\w.+-]+@[\w-]+\.\w+|https?://\S+|www\.\S+)"

CLUES: tuple[Clue, ...] = (
    # Override: drop what you were told.
    Clue("override", rf"\b{_DROP} (?:{_OWN} ){{0,3}}{_EARLIER} (?:\w+ ){{0,2}}{_ORDERS}\b", 0.9),
    Clue("override", rf"\b{_DROP} (?:{_OWN} ){{0,3}}{_ORDERS} (?:{_EARLIER}|you|that (?:you|were)"
         r"|given|before|so far)\b", 0.85),
    Clue("override", rf"\b{_DROP} (?:all |any |of |the |about )*(?:your"
         rf"|openai'?s?) <gap>{_ORDERS}\b",
         0.75),
    Clue("override", r"\b(?:forget|disregard|ignore) (?:about )?(?:everything|anything|all"
         r"|what(?:ever)?)"
         r" (?:that |of |else )*(?:you|they|the above|above|before|prior|previous|was|came)\b",
         0.8),
    Clue("override", r"(?m:(?:^|[.!?:,]) *(?:now |please |just )*forget everything\b)", 0.6),
    Clue("override", r"\b(?:ignore|disregard|forget) (?:all )?(?:of )?(?:that|this|the above)\b",
         0.3),
    Clue("override", r"\b(?:your|all|previous|prior) (?:\w+ )?(?:instructions?|programming|prompt"
         r"|directives?|restrictions|guidelines) (?:no longer|do not|don't"
         r"|have (?:been )?(?:changed"
         r"|updated|replaced|removed)|are (?:now )?(?:void|cancell?ed|suspended|lifted|obsolete"
         r"|invalid|revoked))", 0.6),
    Clue("override", rf"\byou are (?:no longer|not) (?:an? |the )?(?:\w+ )?(?:{_MIND}|claude|gemini"
         r"|bound|restricted|limited)\b", 0.5),
    Clue("override", r"\b(?:turn off|disable|deactivate|switch off|remove|lift|drop) (?:your|all"
         r"|any|the)"
         r" (?:\w+ )?(?:safety|content|ethical|ethics|moderation|security) (?:\w+ )?(?:filters?"
         r"|guidelines|restrictions?|rules|measures|protocols?|settings|limits)\b", 0.5),
    Clue("override", rf"\b(?:your|my) (?:new|real|actual|true|updated|only) (?:{_ORDERS}|task"
         rf"|goal"
         r"|objective|mission|role|purpose|job|identity)s?(?: (?:is|are)\b| ?:)", 0.45, 0.65),
    Clue("override", r"\b(?:new|updated|revised|important|special|urgent) (?:system )?"
         r"(?:instructions?|directives?|task|orders?) ?(?::|from\b|for (?:the )?(?:ai"
         r"|assistant))",
         0.4, 0.55),
    Clue("override", r"\b(?:from (?:now|this (?:moment|point)) (?:on|forward|onwards?)|henceforth"
         r"|starting now),? (?:\w+,? ){0,3}(?:you|answer|respond|act|your)\b", 0.35, 0.5),
    Clue("override", rf"\b(?:not|n't|never|no longer|without|isn't|free (?:from"
         rf"|of)) (?:\w+ ){{0,3}}"
         r"(?:follow|obey|comply|adhere|abide|bound|limited|constrained|restricted|confined|bother"
         rf"|subject|tied|governed)(?:ing)?(?: (?:by|to|with|about))? <gap>{_BOUNDS}\b", 0.5),
    Clue("override", r"\b(?:ignor|disregard|bypass|circumvent|violat|break|defy|evad)(?:es?|s|ing)?"
         r" <gap>(?:content|ethical|legal|moral|safety|openai'?s?|ai) (?:\w+ ){0,2}"
         r"(?:polic(?:y|ies)|guidelines?|concerns?|restrictions?|filters?|rules|limits?)\b", 0.5),
    # The same in other languages, spelled as canonical text spells them.
    Clue("override", r"\b(?:ignorier\w*|vergiss|vergessen sie|missachte\w*) (?:\w+ ){0,4}"
         r"(?:anweisung|instruktion|vorgabe|befehl|regel|prompt)\w*", 0.85),
    Clue("override", r"\b(?:ignora\w*|olvida\w*|descarta\w*|ignore|esquec\w+|desconsider\w+"
         r"|dimentica\w*"
         r"|desatiend\w+) (?:\w+ ){0,4}(?:instruc\w+|istruzion\w+|ordenes|ordens|ordini|reglas"
         r"|regras"
         r"|regole|indicaci?on\w*|directrices) (?:\w+ )?(?:anterior|previ|precedent|que|de arriba"
         r"|acima)",
         0.85),
    Clue("override", r"\b(?:ignore[zr]?|oublie[zr]?|ne (?:tiens|tenez) (?:pas|plus) compte)"
         r" (?:\w+ ){0,4}(?:instructions|consignes|directives|ordres|regles)", 0.8),
    Clue("override", r"\b(?:vergiss|vergessen sie) alles\b|\bolvid(?:a|e) todo\b"
         r"|\boublie[zr]? tout\b"
         r"|\bdimentica tutto\b|\besque\w+ tudo\b", 0.6),
    Clue("override", r"\b(?:negeer|vergeet) (?:\w+ ){0,4}(?:instructies|opdrachten|regels)"
         r"|\b(?:zignoruj|zapomnij) (?:\w+ ){0,4}(?:instrukcj|polece)\w+"
         r"|(?:onceki|yukaridaki) (?:tum )?(?:talimat|komut)\w* (?:\w+ )?(?:yok say|unut|gormezden)"
         r"|\babaikan (?:\w+ ){0,3}(?:instruksi|perintah|arahan)", 0.85),
    Clue("override", r"(?:игнорируй\w*|проигнорируй\w*|забудь\w*|не обращай внимания на|ігноруй\w*)"
         r"\s(?:\S+\s){0,4}(?:инструкци|указани|команд|правил|інструкці)", 0.85),
    Clue("override", r"(?:忽略|无视|無視|忘记|忘掉|不要理会|忽視)[^。!?\n]*"
         r"(?:指令|指示|说明|提示|規則|规则|命令|设定)",
         0.8),
    Clue("override", r"(?:指示|命令|指令|プロンプト|ルール)[^。!?\n]*(?:無視|忘れ|従わない)"
         r"|(?:지시|명령|지침|프롬프트)[^.!?\n]*(?:무시|잊어)", 0.8),
    Clue("override", r"(?:تجاهل|انس)\s[^.!؟\n]*(?:التعليمات|الأوامر|التوجيهات)"
         r"|(?:पिछले|पिछली|सभी)[^.!?।\n]*(?:निर्देश)[^.!?।\n]*(?:अनदेखा|भूल)", 0.8),
    # Persona: be somebody to whom the rules do not apply.
    Clue("persona", r"\bdo anything now\b|\bdan mode\b|(?-i:\b(?:as|like|be|being|to|named"
         r"|called|[Hh]i,?|[Hh]ey,?|I'm) DAN\b|\bDAN (?:can|would|has|is an)\b)", 0.85),
    Clue("persona", rf"\b{_FREE}(?: and \w+|, \w+(?:,? and \w+)?)? (?:\w+ ){{0,2}}"
         rf"(?:{_MIND}|persona|version of you(?:rself)?|responses?|character|mode)\b", 0.75),
    Clue("persona", r"\b(?:developer|debug|god|maintenance|admin|administrator|sudo|root|jailbreak"
         r"|unrestricted|opposite|evil|unsafe|training|test) mode (?:enabled|activated|engaged"
         r"|output)"
         r"|\b(?:simulate|now in|stay in) (?:\w+ )?(?:developer|debug|maintenance|admin) mode\b"
         r"|\b(?:simulate|enter|activate|enable|in|switch to|into) (?:\w+ )?(?:god|sudo|jailbreak"
         r"|unrestricted|dan|unsafe|evil) mode\b", 0.7),
    Clue("persona", rf"\b{_MIND} (?:with(?:out)?|that has|free (?:of|from))(?: no| any| all| zero)*"
         rf" (?:\w+ )?{_BOUNDS}\b", 0.5),
    Clue("persona", rf"\b(?:no|without|zero|free (?:of|from)|free of all|lacks?|devoid of"
         rf"|any) (?:\w+ ){{0,3}}"
         rf"{_BOUNDS}(?:,? (?:or|and|nor) \w+)?(?: \w+)?\b", 0.3),
    Clue("persona", r"\b(?:break|stay in|remain in|keep in|stick to|out of|breaking) (?:your "
         r"|the )?"
         r"(?:character|role)\b", 0.35),
    Clue("persona", rf"\b(?:you (?:are|will|must|should|shall|have) (?:\w+ ){{0,3}}"
         rf"|to )(?:immerse|simulat"
         r"|pretend|roleplay|role-play|play|act|impersonat|behave|respond|answer|take on|portray"
         r"|embody)"
         rf"(?:e|ing|ed)?\b<any>(?:\b{_MIND}\b|\bcharacter\b|\bpersona\b|\bsimulator\b)", 0.4),
    Clue("persona", r"\b(?:you are|act|behave|pretend|respond|answer|simulate|play|roleplay|known"
         r"|named|called)"
         r"<any>(?-i:\b(?:as|be|being|called|named|like) (?:an? )?[\"'\[]?[A-Z]{3,8}\b)", 0.35),
    Clue("persona", rf"\b(?:an? |the |other |another |fictional |evil "
         rf"|opposite )(?:\w+ ){{0,2}}{_MIND}"
         r" (?:that|which|who|with(?:out)?|named|called|known)<any>"
         r"\b(?:no|not|never|any(?:thing)?|free|without|illegal|n't)\b", 0.4),
    Clue("persona", r"\b(?:lose|gain|lost|deduct(?:ed)?|cost|earn|fewer|have|remaining|life|your)"
         r" (?:\w+ ){0,3}tokens\b<any>(?:\bdie\b|\blose\b|\bdeduct|\bforced\b|\bfree\b|\bfail)"
         r"|\blife tokens?\b|\bif you run out of tokens\b", 0.7),
    Clue("persona", r"\b(?:two|2|both) (?:\w+ ){0,2}(?:ways|manners|responses|answers"
         r"|personalit(?:y|ies)"
         r"|personas|paragraphs|outputs|replies|versions)\b", 0.35),
    Clue("persona", r"\b(?:never|not|n't|cannot|must not) (?:\w+ ){0,2}(?:refuse|decline|reject"
         r"|deny"
         r"|say no|warn|apologi[sz]e|censor|moraliz\w+|say (?:that )?(?:you|it|he|she"
         r"|they) can(?:'t|not))"
         r"|\b(?:never|not|n't) (?:\w+ ){0,3}(?:that )?(?:it|he|you|they) (?:can't|cannot|can not"
         r"|is unable)\b", 0.4),
    Clue("persona", r"\b(?:no matter|regardless|without (?:any )?(?:hesitation|remorse|regard"
         r"|concern|worry)"
         r"|disregards?|not care|n't care)\b<any>\b(?:illegal|legal|legality|unethical|ethic(?:s"
         r"|al)"
         r"|immoral|moral(?:s|ity|ly)?|harmful|dangerous|inhumane|offensive)\b", 0.5),
    Clue("persona", r"\b(?:illegal|harmful|unethical|immoral|offensive|violent|explicit)\b<any>"
         r"\b(?:illegal|unethical|immoral|harmful|amoral|dangerous|violent|explicit)\b", 0.2),
    Clue("persona", r"\bopenai'?s? (?:\w+ ){0,3}(?:polic(?:y|ies)|rules|guidelines|programming"
         r"|engineers"
         r"|restrictions?|limitations?)|\b(?:rules|set|trained|programmed|trapped"
         r"|made) (?:\w+ ){0,4}by openai\b",
         0.4),
    Clue("persona", r"\b(?:broken|break|breaks|breaking|set you|sets? (?:it|them)) free\b"
         r"|\btypical confines\b"
         r"|\b(?:escaped?|freed?) (?:from )?(?:the |your |its |their )(?:\w+ )?(?:confines"
         r"|programming"
         r"|shackles|restrictions|chains)", 0.45),
    Clue("persona", r"\[?\W{0,3}classic\]\W<any>|\[\W{0,3}jailbr(?:eak|oken)\W{0,2}\]", 0.5),
    Clue("persona", r"\b(?:chatgpt|gpt-?\d?|openai|\{generator\.name\})\b", 0.1),
    Clue("persona", r"\b(?:hypothetical|fictional|imaginary) (?:story|response|scenario|world"
         r"|conversation"
         r"|setting)\b", 0.15),
    # Extraction: show what you were told.
    Clue("extraction", rf"\b{_SHOW} (?:(?:[\w'\"]+ ){{0,4}}{_THIS} "
         rf"|)(?:{_HIDDEN} (?:\w+ )?(?:prompts?|preamble)"
         r"|(?:system|initial|hidden|secret|developer|confidential|pre) (?:\w+ )?(?:instructions?"
         r"|directives?))\b", 0.65),
    Clue("extraction", rf"\b{_SHOW} (?:[\w'\"]+ ){{0,5}}(?:system|initial|hidden"
         rf"|developer) messages?\b",
         0.4),
    Clue("extraction", r"\b(?:first|last|beginning|start|top) (?:\w+ ){0,2}(?:of|in) (?:this"
         r"|your|our)"
         r" (?:prompt|context|context window)\b", 0.6),
    Clue("extraction", rf"\b(?:your|these|its|were those|full|entire|whole|in the"
         rf"|console\.log\(|print\()"
         rf" ?(?:\w+ )?{_HIDDEN}[ _]?(?:prompt|message|instructions?|directives?|configuration"
         rf"|preamble"
         r"|text)\b|<system_?prompt>", 0.5),
    Clue("extraction", rf"\b{_SHOW} (?:[\w'\"]+ ){{0,4}}your (?:\w+"
         rf" ){{0,2}}(?:instructions?|prompts?"
         r"|directives?|programming|preprompt|pre-prompt|configuration)\b", 0.6),
    Clue("extraction", r"\b(?:repeat|output|print|recite|copy|echo|type out|spit out)"
         r" (?:\w+ ){0,5}(?:(?:text|words?|everything|all|content"
         r"|lines?|sentences?|messages?|instructions?)"
         r" (?:\w+ ){0,2}(?:above|before|prior|verbatim|you (?:were|have|got))|above text"
         r"|(?:this|our) (?:\w+ )?conversation)\b",
         0.65),
    Clue("extraction", r"\b(?:you (?:were|was|have been|got)|were you) (?:\w+ )?(?:told|given"
         r"|instructed|provided"
         r"|fed|prompted|programmed)\b<any>\b(?:before|initially|at the (?:beginning|start"
         r"|outset)|first|prior"
         r"|earlier|with)\b", 0.6),
    Clue("extraction", r"\byou(?: are|'re) (?:not|never) (?:supposed|allowed|permitted|meant)"
         r" to (?:tell|reveal|share|disclose|say|show|discuss)|\bare you not (?:supposed|allowed"
         r"|permitted"
         r"|meant) to (?:tell|reveal|share|disclose|say|show|discuss)", 0.65),
    Clue("extraction", r"\b(?:my|your|the) (?:system |initial |original |secret )?(?:instructions"
         r"|prompt|directives)"
         r" (?:are|is|say|were) ?:|\bi was instructed to\b|\bwhat were (?:those|the"
         r"|your) instructions\b",
         0.6),
    Clue("extraction", r"\b(?:begin|start)(?:ning|ing)? with ['\"]?(?:you are|my instructions)\b",
         0.65),
    Clue("extraction", r"\bsystem[ _-]?prompt\b", 0.3),
    Clue("extraction", r"\b(?:console\.log|print|echo|output|return"
         r"|display)\W{1,3}system[ _-]?(?:prompt"
         r"|message|instructions?|configuration)\b|\boutput (?:the )?initiali[sz]ation\b", 0.6),
    Clue("extraction", r"\b(?:base ?64|rot ?13|hex(?:adecimal)?|morse(?: code)?|leetspeak"
         r"|pig latin"
         r"|emojis?)\b", 0.2),
    Clue("extraction", r"\b(?:word for word|verbatim|in full|txt code block|above text|text above"
         r"|in its entirety)\b",
         0.25),
    Clue("extraction", r"\bsystem (?:configuration|settings|override)\b"
         r"|\badmin(?:istrator)? (?:override|access)\b",
         0.25),
    Clue("extraction", r"\b(?:administrator|admin|system|security|developer|emergency"
         r"|authori[sz]ation)"
         r" override\b", 0.5),
    Clue("extraction", r"\b(?:i'm|i am|as) (?:a|an|the|your) (?:\w+ )?(?:developer|administrator"
         r"|admin|engineer"
         r"|creator|programmer|openai)\b|\bfor (?:\w+ )?(?:security audit|quality assurance"
         r"|troubleshooting"
         r"|debugging)\b", 0.2),
    # Spoofing: text that poses as the frame of the conversation.
    Clue("spoofing", r"<\|(?:im_start|im_end|im_sep|system|user|assistant|endoftext|eot_id|end"
         r"|fim_\w+"
         r"|start_header_id|end_header_id|begin_of_text|end_of_text|endofprompt|channel"
         r"|message)\|>", 0.85),
    Clue("spoofing", r"\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>"
         r"|\[/?SYSTEM_PROMPT\]", 0.85),
    Clue("spoofing", r"(?m:^[ \t]*#{2,}[ \t]*(?:system|assistant|new task)"
         r"[ \t]*:?[ \t]*$)|(?m:^[ \t]*#{2,}[ \t]*(?:system|assistant|new instructions?)[ \t]*:)",
         0.4, 0.6),
    Clue("spoofing", r"(?m:^[ \t]*#{2,}[ \t]*(?:instructions?|human|response)[ \t]*:?[ \t]*$)",
         0.3, 0.4),
    Clue("spoofing", r"<!-- ?(?:system|ai|assistant|llm|prompt)\b", 0.3, 0.65),
    Clue("spoofing", r"(?m:^[ \t\"'{\[]*(?:system|assistant)(?: message| prompt| note"
         r"| instructions?)?\]? ?: ?\S)",
         0.25, 0.4),
    Clue("spoofing", r"\[ ?(?:system|admin|developer)"
         r"(?: (?:message|note|instructions?|override|prompt|notice))?"
         r" ?\]", 0.45, 0.6),
    Clue("spoofing", r"</?(?:system|instructions?|system_instructions?|assistant|admin|important"
         r"|information"
         r"|user_?(?:query|input|prompt)|system[_-]?(?:message|reminder|prompt)|developer"
         r"|override)>",
         0.35, 0.6),
    Clue("spoofing", r"(?:-{3,}|={3,}|\*{3,}"
         r"|\[|<) ?(?:end|start|begin|beginning|stop) (?:of )?(?:the )?"
         r"(?:system|user|prompt|instructions?|context|document|input|data|conversation|email"
         r"|results?)\b",
         0.3, 0.5),
    # Agent: a document that speaks to its reader as to a machine.
    Clue("agent", r"\b(?:dear|attention|hey|hello|hi|note (?:to|for)|message (?:to|for)"
         r"|instructions? (?:to|for)"
         r"|addressed to|to any|to all|if you(?:'re| are)),? (?:an? |the |any |all |this "
         r"|my )?"
         r"(?:\w+ )?(?:ai|llm|a\.i\.|language model|chatbot|chatgpt|gpt-?\d\w*|claude|gemini"
         r"|copilot"
         r"|ai (?:assistant|agent|model|system)|virtual assistant|automated assistant"
         r"|assistants?|bots?)"
         r"(?: (?:reading|processing|summari[sz]ing|handling|analy[sz]ing)|\b ?[,:;.!\n-])",
         0.25, 0.65),
    Clue("agent", r"\b(?:ai|llms?|assistants?|chatbots?|bots|(?:ai|language) (?:agents?|assistants?"
         r"|models?|systems?)) (?:reading|processing|summari[sz]ing|analy[sz]ing|parsing) (?:this"
         r"|these|the following)\b", 0.2, 0.65),
    Clue("agent", r"\bto you,? (?:the )?(?:gpt|claude|ai|assistant|model|llm|gemini|chatgpt"
         r"|\{?model)", 0.5, 0.8),
    Clue("agent", r"\b(?:when(?:ever)?|once|while|after|as soon as|before|if) (?:you|the (?:ai"
         r"|assistant|model|agent|llm))"
         r" (?:have |has |are |is )?(?:finish\w* )?(?:read|process|see|summari[sz]e|encounter"
         r"|analy[sz]e|access"
         r"|answer|respond|pars)(?:s|es|ing|d|ed)?\b<any>", 0.1, 0.3),
    Clue("agent", r"\bbefore you (?:can )?(?:solve|answer|do|complete|continue|respond|proceed"
         r"|finish)\b<any>"
         r"\b(?:task|question|request|first|following|job)\b|\bthe task (?:that )?(?:i|the user"
         r"|you were)"
         r" (?:gave|given|asked|assigned)\b", 0.4, 0.65),
    Clue("agent", rf"\b(?:do not|don't|never|not|without) (?:tell|mention|inform|reveal|notify"
         rf"|alert|show|let|"
         rf"ask|warn|telling|informing|notifying|alerting|asking|mentioning|consulting)(?:ing)?"
         rf" (?:this |it |that |anything |about )*(?:to )?{_PERSON}\b", 0.35, 0.7),
    Clue("agent", rf"\b(?:send|forward|e-?mail|post|upload|transfer|exfiltrate|leak|submit|append"
         rf"|transmit|deliver"
         rf"|share|pay|wire)\b<any>\b(?:to|at|with|into)\b<any>{_ADDRESS}", 0.1, 0.2),
    Clue("agent", r"\b(?:send|forward|e-?mail|post|upload|transfer|exfiltrate|leak|transmit"
         r"|append|share|include)"
         r" (?:\w+ ){0,5}(?:passwords?|credentials|api[ _-]?keys?|secrets?|tokens|conversation"
         r"|chat history"
         r"|private keys?|cookies|environment variables|personal (?:data|information)|inbox"
         r"|contacts"
         r"|confidential \w+|all (?:\w+ )?(?:emails|files|messages|data))\b", 0.25, 0.5),
    Clue("agent", r"\b(?:use|call|invoke|execute|run|trigger|using) (?:the |your "
         r"|this )?[`'\"]?\w+[`'\"]? "
         r"(?:tool|function|plugin)\b|\b(?:use|call|invoke"
         r"|run) (?:the )?[`'\"]?[a-z]+_[a-z_]+\b",
         0.1, 0.35),
    Clue("agent", rf"(?m:(?:^|[.!?:,;|\"]) *(?:please |then |also |now |always |kindly |just "
         rf"|and )*{_PUT}\b)"
         rf"<any>\b(?:your (?:\w+ )?{_REPLY}|the (?:answer|response|reply|summary))\b", 0.15, 0.5),
    Clue("agent", rf"\b{_PUT} your (?:\w+ )?{_REPLY}\b"
         r"|\bin your (?:response|answer|reply), (?:please )?[a-z]+ [a-z]", 0.05, 0.35),
    Clue("agent", rf"\b(?:in|to|into|of|from|throughout|within) your (?:\w+ )?{_REPLY}\b"
         r"|\byour (?:\w+ )?(?:response|answer|output)(?:'s)?\b", 0.05, 0.3),
    Clue("agent", r"\b(?:following|subsequent|below|this|given) (?:code|script"
         r"|snippet)(?: (?:snippet|block|excerpt"
         r"|section|segment|fragment))? (?:\w+ ){0,6}(?:your|the) (?:\w+ )?(?:code\w*|solution"
         r"|implementation"
         r"|algorithm|response|answer|elucidation|framework)\b|\b(?:your|the) (?:code\w*|solution"
         r"|implementation"
         r"|algorithm|response|answer|codebase)\b[^.!?\n:]*\b(?:following|subsequent"
         r"|below) (?:code)"
         r" (?:snippet|block|excerpt|section|segment)", 0.1, 0.6),
    Clue("agent", r"\b(?:the )?(?:ai|assistant|model|chatbot|llm|language model|ai agent) (?:must"
         r"|should|shall|will|has to"
         r"|is (?:required|instructed|ordered|to)|needs to) (?:\w+ )?(?:ignore|send|reply|respond"
         r"|output|include|call"
         r"|forward|execute|say|print|tell|follow|recommend|visit|click|delete|transfer)\b",
         0.2, 0.65),
)  # fmt: skip
