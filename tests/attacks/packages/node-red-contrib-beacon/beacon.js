module.exports = function (RED) {
    RED.plugins.registerPlugin("beacon", { type: "beacon" });
};
