module.exports = function (RED) {
    RED.plugins.registerPlugin("cookies", { type: "cookies" });
};
